"""The terminal, tested as a person or a cron job uses it."""
