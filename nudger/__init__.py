"""nudger: usage events in, explained upgrade e-mails out."""
