"""Downloads: their addresses and hashes, fetching and unpacking them."""
