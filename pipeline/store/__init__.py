"""The database that the nightly job and the review desk share: address, schema, locks, patience with lost lines."""
