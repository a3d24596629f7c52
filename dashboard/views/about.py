"""The About page: purpose, limits, rights, models."""

import panel as pn

from dashboard import wording
from dashboard.views.parts import column, html

SECTIONS = (
    f"""
<h2>What it is for</h2>
<p>{wording.PURPOSE} It shows both answers side by side, with how sure each model is, what it was given, and
how often it has been right on pictures with known labels.</p>
<p>It is for learning about, teaching and researching such models: what they can do, where they fail, and
whether the geometry of a face adds anything to its pixels.</p>""",
    """
<h2>What it is not for</h2>
<ul>
<li>Not for judging people. A face that looks angry need not belong to an angry person: people move their
faces the same way for many reasons, and differently for the same one (Barrett et al., <i>Emotional
Expressions Reconsidered</i>, Psychological Science in the Public Interest 20, 2019).</li>
<li>Not for work or school. Inferring emotions of people at work or in education is prohibited in the EU
(AI&nbsp;Act, Regulation (EU) 2024/1689, Art.&nbsp;5(1)(f)). Elsewhere, people exposed to such a system must
be told (Art.&nbsp;50(3)).</li>
<li>Not for hiring, policing, insurance, medicine, or any decision about a person.</li>
<li>It never guesses age, gender or race of the person in a picture that you show it, and holds nothing
that could.</li>
</ul>""",
    """
<h2>What it gets wrong</h2>
<ul>
<li>The labels of FER-2013 are opinions about small web pictures; people agree on them only in part, and
fear, disgust and sadness are the hardest. The Evaluate page shows each, and what people reach beside
it.</li>
<li>The classes are the seven that FER-2013 has. A face that fits none of them still gets seven
probabilities.</li>
<li>Slight smiles in photographs are often taken for a neutral face, men’s more often than women’s.</li>
<li>Small, dark, blurred, covered or turned faces are answered less well, or not found at all.</li>
<li>Who is in the training pictures decides for whom the models work; FER-2013 does not say who is. The
Fairness page shows what is known: by what 102 people said of themselves, and by what is measured in pictures.
Its groups are small. None of them is guessed from a face, but for those that a model estimated beforehand for
the test pictures of FER-2013: they stay off until you choose them, are always called estimated, and stand
beside their error rates.</li>
</ul>""",
    """
<h2>Your pictures</h2>
<p>A picture lives in the memory of your session on the computer that runs this page, and nowhere else: not
on disk, not in a log, not with anyone else. The pictures of a session stand together in its album: of each,
a small copy and the answer; the file itself is let go, and an archive is never unpacked to disk. One picture
is gone when you press <b>Forget this picture</b>, all of them when you press <b>Forget everything</b> or
close the page. The camera is on only between “Switch camera on” and “Camera off” (or leaving the Look page).
Its first frame shows that it works and is thrown away unread; after it only the stills that you take leave
the browser. A table of your own stays in your session too. The page asks nothing
of any other host.
</p>""",
    """
<h2>The models</h2>
<p>Both find faces and 478 landmarks with MediaPipe Face Mesh, turn the face level, and look at the same small
grey crop.</p>
<ul>
<li><b>CNN</b>: a residual network on the pixels. Outlined marks in every chart.</li>
<li><b>Fusion</b>: the same network on the pixels, and a second one on the landmarks, joined before the
answer. Solid marks in every chart.</li>
</ul>
<p>Both were trained on the Training split of FER-2013, and at last on faces of FairFace too, with the
expressions that another model, one of images and language, saw in them. Their settings were chosen on
PublicTest and on other such faces; PrivateTest is what is reported. Every pair published earlier was scored
there too, once; the pair shown here was chosen before it was scored.</p>""",
    """
<h2>Rights</h2>
<p>The example picture is NASA’s portrait of the astronaut Eileen Collins, in the public domain. FER-2013
(Goodfellow et al., 2013) is for research; none of its pictures comes with this program. Nor do those of the
Face Research Lab London Set (DeBruine &amp; Jones 2017, CC BY 4.0), of which the Fairness page tells, and of
FairFace (Kärkkäinen &amp; Joo 2021, CC BY 4.0), from which our models learned too and on which the estimated
groups rest.
MediaPipe is published under the Apache licence 2.0. You need the right to use the pictures that you show
here, and for pictures of people who can be recognised, usually their consent.</p>""",
)


class AboutView(pn.viewable.Viewer):
    """Text only."""

    def __panel__(self) -> pn.viewable.Viewable:
        return column(*(html(section) for section in SECTIONS), gap=24, styles={"max-width": "76ch"})
