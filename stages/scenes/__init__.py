"""Generated pictures with exact gold: the demo's input, the tests' truth and the yardstick of label quality.

    from stages.scenes.gold import draw_scene
    scene = draw_scene(seed=7, index=0)          # Scene(image uint8 [h, w, 3], record: the gold)

    settings -> layout (what is where) -> raster, backdrops, shapes_* (pixels) -> prose (captions) -> gold (record)

Nothing here is an annotator: predictions come from pixels, the gold only measures them.
"""
