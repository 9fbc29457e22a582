"""Problems for other tools."""
