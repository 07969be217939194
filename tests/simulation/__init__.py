"""The whole system on virtual time: one seed decides every accident, and a failing seed plays again."""
