"""Runs elsewhere: an Argo Server, a Kubernetes cluster, and what both ways share"""
