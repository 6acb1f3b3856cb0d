"""What a run means: the CAP ledger and the failover clock. Pure: operations and events in, rows and steps out."""
