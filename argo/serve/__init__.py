"""One way to serve HTTP, for every server of Argosy: sockets, tokens, a guard before each request, limits."""
