"""A run's results -> local files, byte for byte."""

from argo.results.fetch import Fetched, Wanted, fetch

__all__ = ["Fetched", "Wanted", "fetch"]
