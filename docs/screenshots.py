"""Run a night on the demo export and take docs/report-desktop.png and docs/report-phone.png of its report.

    python docs/screenshots.py            (or: make screenshots)

Takes some minutes: the shipped model reads 2,000 tickets first.
"""

import shutil
import tempfile
from io import BytesIO
from pathlib import Path

import yaml
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from pipeline.nightly import NightlySettings, run_night
from pipeline.settings import CONFIGS, load_settings

HERE = Path(__file__).parent
# Name: width and height of the window, pixels per point, and the section that the picture ends with.
SHOTS = {"desktop": (1366, 768, 1, "urban_rural"), "phone": (390, 844, 2, "focus")}
COLOURS = 128  # enough for a page without photographs, and a tenth of the file
MARGIN = 24  # points below the last section


def main() -> None:
    """Run the night in a scratch folder and photograph what it leaves."""
    with tempfile.TemporaryDirectory() as scratch:
        night = run_night(_settings(Path(scratch)))
        page = next(path for path in night.files if path.suffix == ".html")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for name in SHOTS:
                _shoot(browser, page, name)
            browser.close()


def _settings(scratch: Path) -> NightlySettings:
    """Return the shipped configuration with everything that a night writes in a folder of its own."""
    content = yaml.safe_load((CONFIGS / "nightly.yaml").read_text(encoding="utf-8"))
    content["database"] = f"sqlite:///{scratch}/night.db"
    content["pseudonym_key"] = str(scratch / "pseudonym.key")
    content["kept_models"]["folder"] = str(scratch / "served")
    content["outputs"]["folder"] = str(scratch / "nights")
    (scratch / "nightly.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return load_settings(scratch / "nightly.yaml", NightlySettings)


def _shoot(browser: Browser, page: Path, name: str) -> None:
    width, height, scale, last = SHOTS[name]
    opened = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
    opened.goto(page.as_uri())
    end = opened.evaluate("id => document.getElementById(id).getBoundingClientRect().bottom", last) + MARGIN
    picture = opened.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": end})
    opened.close()
    target = HERE / f"report-{name}.png"
    Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
