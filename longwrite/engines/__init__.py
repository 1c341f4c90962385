"""Engines: what turns a request into a reply, one file each."""
