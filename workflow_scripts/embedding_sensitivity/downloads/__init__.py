"""Files from elsewhere: their addresses and hashes, fetching and unpacking them."""
