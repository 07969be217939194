"""The Partner API from the client's side: wire format, HTTP, pacing, credentials."""
