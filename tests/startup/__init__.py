"""Does what starts the product keep its own promises?"""
