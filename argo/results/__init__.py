"""A run's results -> local files, byte for byte."""
