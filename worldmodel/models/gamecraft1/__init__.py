"""Hunyuan-GameCraft-1.0's camera: its units, its rays and the net that reads them. Its network is not run here."""
