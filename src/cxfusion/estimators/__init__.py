"""Pure numbers: folds and functions on arrays that return small frozen fits. They know no contact and no queue."""
