"""A scripted upstream: a server on loopback that speaks the providers' wire formats, for tests, benchmarks and trials."""
