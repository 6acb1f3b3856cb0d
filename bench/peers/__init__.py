"""The stores that ours is measured against, each driven as its users drive it. Only bench/ imports them."""
