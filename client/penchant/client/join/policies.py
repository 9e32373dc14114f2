"""How ``penchant join`` opens a device, and when that device may take part."""
