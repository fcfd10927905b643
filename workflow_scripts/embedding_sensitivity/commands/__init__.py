"""What the console command does: one module for each subcommand that is more than a few lines."""
