"""The console command's longer subcommands, one module each."""
