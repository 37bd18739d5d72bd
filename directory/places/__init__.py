"""Places: from a pin, an address written by hand or a code to the areas that hold it.

`names` knows every area's code and names, `shapes` holds polygons, `seats` says where districts
stand, `locate` puts the three together. shapely is loaded only when a pin is asked about.
"""
