"""Training rows: rendering the kept demonstrations, and keeping evaluation problems out of them."""
