"""The API with which tests, the page and curious people drive the simulator."""
