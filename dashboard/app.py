"""The application: what all sessions of a server share, and the two documents it serves."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import panel as pn
import panel_material_ui as pmui
import param

from dashboard.camera import CameraDesk
from dashboard.figure_state import LensState
from dashboard.forgetting import Collector
from dashboard.inference import InferencePool
from dashboard.record import ASSETS, TABLE, TABLE_LONDON, TABLE_UNMIRRORED, Record
from dashboard.row_pictures import RowPictures
from dashboard.shelf import Shelf
from dashboard.state import PAGES
from dashboard.theme import MATERIAL_THEME
from dashboard.views.about import AboutView
from dashboard.views.address import follow
from dashboard.views.camera import ROUTE, camera_document
from dashboard.views.compare import CompareView
from dashboard.views.evaluate import EvaluateView
from dashboard.views.fairness import FairnessView
from dashboard.views.look import LookView
from dashboard.views.parts import PAGE_WIDTH, html
from dashboard.views.session import only_own_files
from dashboard.wording import models
from dashboard.worker import PredictorFactory, default_predictor

TITLE = "Expression Lens"
EXAMPLE = ASSETS / "example_astronaut.jpg"
BRAND = (
    '<h1><svg width="26" height="26" viewBox="0 0 26 26" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round" aria-hidden="true"><circle cx="11" cy="11" r="8.5"/><path d="M17.3 17.3 24 24"/>'
    '<path d="M8 9v.6M14 9v.6M7.5 13c1.8 2.2 5.2 2.2 7 0"/></svg>Expression Lens</h1>'
)
# Air below the tabs, at the end of the page, and at the edges of a phone.
TABS_SX = {"px": {"xs": 2, "sm": 3}, "& > .MuiBox-root": {"pt": 3, "pb": 8, "overflow": "visible"}}
# Bokeh's notice of a lost connection, a bare element, lies below the page otherwise: nobody sees it.
NOTICES_ON_TOP = "body > div:not([id], [class], [role]) { z-index: 3000; }"

pn.extension("filedropper")


@dataclass(frozen=True)
class ExpressionLens:
    """What the sessions of one server share.

    Attributes
    ----------
    pool : InferencePool
        The models.
    desk : CameraDesk
        Links between pages and their camera documents.
    record : Record
        The committed prediction tables.
    example : Path
        A picture for those who have none.
    collector : Collector
        Frees what was forgotten.
    """

    pool: InferencePool
    desk: CameraDesk
    record: Record
    example: Path
    collector: Collector = field(default_factory=Collector)

    @property
    def routes(self) -> dict[str, Callable[[], pn.viewable.Viewable]]:
        """Paths of the server and what makes their documents."""
        return {"/": self.page, f"/{ROUTE}": self.camera}

    def page(self) -> pn.viewable.Viewable:
        """A new session's page."""
        only_own_files()
        state = LensState(dark=pn.config.theme == "dark")
        state.look.offer(models())
        shelf = Shelf(self.record)
        pool = self.pool.on_behalf_of(object())  # visitors take turns
        follow(state)
        tabs = pmui.Tabs(
            ("Look", LookView(state, pool, self.desk, self.example, self.record)),
            ("Evaluate", EvaluateView(state, shelf)),
            ("Compare", CompareView(state, shelf)),
            ("Fairness", FairnessView(state, shelf)),
            ("About", AboutView()),
            sizing_mode="stretch_width",
            sx=TABS_SX,
        )
        page = pmui.Page(
            meta_title=TITLE,
            header=[html(BRAND, sizing_mode=None)],
            main=[tabs],
            main_width=PAGE_WIDTH,
            theme_config=MATERIAL_THEME,
            dark_theme=state.dark,
            raw_css=[NOTICES_ON_TOP],
            meta_description="Which expression a face looks like, to several models side by side.",
        )
        _part_from_others(page)
        _tie(state, tabs, page)
        state.at_end(shelf.forget)
        state.at_end(lambda: _blank(tabs))
        state.at_end(self.collector.soon)
        state.look.param.watch(self._left, "stage")
        state.look.param.watch(self._left, "camera")
        pn.state.on_session_destroyed(lambda _: state.end())
        return page

    def _left(self, event: param.parameterized.Event) -> None:
        if event.new in ("empty", "off"):
            self.collector.soon()

    def camera(self) -> pn.viewable.Viewable:
        """The document inside a page's camera frame."""
        only_own_files()
        return camera_document(self.desk)

    def warm(self) -> None:
        """Load in the background what the first picture needs beside the models: how sure they are."""
        threading.Thread(target=self.record.warm, name="record", daemon=True).start()

    def close(self) -> None:
        """End the workers."""
        self.pool.close()


def create_app(
    *,
    predictor_factory: PredictorFactory = default_predictor,
    table: Path = TABLE,
    unmirrored: Path = TABLE_UNMIRRORED,
    london: Path = TABLE_LONDON,
    example: Path = EXAMPLE,
    fer2013: Path | None = None,
    pool: InferencePool | None = None,
) -> ExpressionLens:
    """The application, with its parts exchangeable for tests.

    Parameters
    ----------
    predictor_factory : callable
        Makes a predictor; called once in each worker.
    table, unmirrored : Path
        Prediction tables with and without mirror images.
    london : Path
        The table of the London set.
    example : Path
        The example picture.
    fer2013 : Path, optional
        The user's own copy of FER-2013, whose pictures are then shown beside their rows.
    pool : InferencePool, optional
        Instead of one with such predictors.

    Raises
    ------
    ExpressionLensError
        For a copy that cannot be read, or is not FER-2013.
    """
    record = Record(table, unmirrored, london, RowPictures(copy=fer2013))
    return ExpressionLens(pool or InferencePool(predictor_factory), CameraDesk(), record, example)


def _blank(tabs: pmui.Tabs) -> None:
    """Take pictures and charts out of a page whose session is over, unseen: Panel may hold it for longer."""
    for part in tabs.select(pn.pane.HTML):
        with param.parameterized.discard_events(part):
            part.object = ""
    for part in tabs.select(pn.pane.Bokeh):
        with param.parameterized.discard_events(part):
            part.object = None


def _part_from_others(page: pmui.Page) -> None:
    """Take away the page's tie to Panel's own state.

    By it every page is told whenever any visitor's page is busy, twice with each event, and walks through all
    its models each time, which takes longer than most events; and Panel keeps them all, ended ones too. Parts
    that are busy say so themselves.
    """
    held = page._param__private
    held.refs.pop("busy", None)
    for _, watcher in held.ref_watchers:
        watcher.inst.param.unwatch(watcher)
    held.ref_watchers.clear()


def _tie(state: LensState, tabs: pmui.Tabs, page: pmui.Page) -> None:
    """Keep the state, the tabs, the theme and the address of the page together."""
    tabs.param.watch(lambda event: setattr(state, "page", PAGES[event.new]), "active")
    state.param.watch(lambda event: setattr(tabs, "active", PAGES.index(event.new)), "page")
    page.param.watch(lambda event: setattr(state, "dark", event.new), "dark_theme")
    if pn.state.location is not None:
        pn.state.location.sync(state, {"page": "page"})
