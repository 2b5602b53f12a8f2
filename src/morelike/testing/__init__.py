"""What proves a part: conformance kits, toy encoders, seeded data. Shipped, so that plugins can use it too."""
