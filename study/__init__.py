"""The side-by-side page: the twins line beside line, for those who read them."""
