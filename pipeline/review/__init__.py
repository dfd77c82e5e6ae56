"""The review desk: quality staff decide about the tickets where it pays, and the figures stay honest."""
