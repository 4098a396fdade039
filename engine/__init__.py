"""What runs when and where: command line, config, scheduler, rounds."""
