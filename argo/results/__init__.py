"""A run's results -> local files, byte for byte."""

from argo.results.fetch import Fetched, fetch

__all__ = ["Fetched", "fetch"]
