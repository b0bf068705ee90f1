"""Causal Wan worlds with camera tokens: LingBot-World and its text-only relatives, Self-Forcing and LongLive."""
