"""Networks whose reasons are known by construction, and what every method's maps make of them."""
