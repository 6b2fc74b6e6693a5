"""The lessons on Google Colab's own versions: `make colab`."""
