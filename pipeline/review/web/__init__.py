"""The pages of the review desk: rendered here, refused unless declared, working without a network."""
