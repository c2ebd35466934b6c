"""A run's results -> local files, byte for byte."""

from argo.results.fetch import FetchedFile, FetchOptions, fetch

__all__ = ["FetchOptions", "FetchedFile", "fetch"]
