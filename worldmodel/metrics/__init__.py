"""What can be measured without large learned models."""
