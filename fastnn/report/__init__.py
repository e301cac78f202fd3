"""The page that `fastnn train --report` writes."""
