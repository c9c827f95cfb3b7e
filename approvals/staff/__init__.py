"""What staff see of tracks and asks, how they find them, and what they may do with them."""
