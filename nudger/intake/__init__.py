"""Bytes into events: decoding, checking, dating. What cannot be counted comes back with a code and a reason."""
