from tests.browser import scenes
from tests.browser.test_states import enter
import pytest
@pytest.mark.parametrize("name", ["open_confirm","answered_and_completed","open_radios","open_stranger_mailed"])
def test_m(clock, site, new_browser, name):
    b=new_browser(); b.clock.set_fixed_time(clock.now)
    b.set_viewport_size({"width":600,"height":900})
    enter(scenes.SCENES[name](clock), b, site)
    if name=="open_radios": b.get_by_label("Walk away").check(); b.get_by_label("Walk away").focus(); b.keyboard.press("ArrowUp")
    if name=="open_confirm": b.keyboard.press("Tab"); b.locator("button").nth(1).focus()
    b.emulate_media(forced_colors="active"); b.screenshot(path=f"/tmp/pics/out/fc-{name}.png",full_page=True)
    b.emulate_media(forced_colors="none", contrast="more"); b.screenshot(path=f"/tmp/pics/out/ct-{name}.png",full_page=True)
    b.emulate_media(contrast="no-preference"); b.screenshot(path=f"/tmp/pics/out/fo-{name}.png",full_page=True)
