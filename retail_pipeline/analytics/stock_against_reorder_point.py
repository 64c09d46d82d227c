"""Measure: each store's stock of each product against its reorder point, and how much to order."""

from __future__ import annotations

from typing import Any

SOURCE = "inventory"


def pipeline() -> list[dict[str, Any]]:
    """Return the measures of each store and product.

    An order is due at the reorder point and below it: that is what below_reorder_point says. It is as many times the
    product's reorder quantity as brings the stock above the point; a product without a reorder quantity is ordered up
    to just above it.
    """
    shortfall = {"$add": [{"$subtract": ["$product.reorder_point", "$inventory_level"]}, 1]}
    orders = {"$ceil": {"$divide": ["$shortfall", "$product.reorder_quantity"]}}
    return [
        {"$set": {"product_key": {"product_id": "$product_id"}}},
        {"$lookup": {"from": "products", "localField": "product_key", "foreignField": "_id", "as": "product"}},
        {"$unwind": "$product"},
        {"$set": {"supplier_key": {"supplier_id": "$product.supplier_id"}}},
        {"$lookup": {"from": "suppliers", "localField": "supplier_key", "foreignField": "_id", "as": "supplier"}},
        {"$set": {"shortfall": {"$max": [shortfall, 0]}}},
        {
            "$project": {
                "store_id": 1,
                "product_id": 1,
                "inventory_level": 1,
                "reorder_point": "$product.reorder_point",
                "reorder_quantity": "$product.reorder_quantity",
                "below_reorder_point": {"$gt": ["$shortfall", 0]},
                "suggested_order": {
                    "$cond": [
                        {"$gt": ["$product.reorder_quantity", 0]},
                        {"$toInt": {"$multiply": ["$product.reorder_quantity", orders]}},
                        "$shortfall",
                    ]
                },
                "supplier_id": "$product.supplier_id",
                "lead_time_days": {"$first": "$supplier.lead_time_days"},
            }
        },
    ]
