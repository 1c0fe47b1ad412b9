"""Every address of the web process. Who may open which stands in `doors.py`."""

from django.urls import path

from vfx_finder.reading import views as reading
from vfx_finder.referrals import views as referrals
from vfx_finder.web import entrance, problems
from vfx_finder.web.health import health
from vfx_finder.web.metrics import metrics
from vfx_finder.web.operations.addresses import ADDRESSES
from vfx_finder.web.stow.views import Stow

stow = Stow()

urlpatterns = [
    path("dicom-web/studies", stow, name="stow"),
    path("dicom-web/studies/<str:study>", stow, name="stow-study"),
    path("", entrance.home, name="home"),
    path("sign-in", entrance.SignIn.as_view(), name="sign-in"),
    path("sign-out", entrance.SignOut.as_view(), name="sign-out"),
    path("intended-use", entrance.intended_use, name="intended-use"),
    path("health", health, name="health"),
    path("metrics", metrics, name="metrics"),
    path("worklist", reading.worklist, name="worklist"),
    path("signed", reading.signed, name="signed"),
    path("studies/<int:case_id>", reading.study, name="study"),
    path("studies/<int:case_id>/picture.png", reading.picture, name="study-picture"),
    path("studies/<int:case_id>/draft", reading.draft, name="study-draft"),
    path("studies/<int:case_id>/sign", reading.sign, name="study-sign"),
    path("queue", referrals.queue, name="queue"),
    path("patients/<int:referral_id>", referrals.patient, name="patient"),
    path("patients/<int:referral_id>/picture.png", referrals.picture, name="patient-picture"),
    path("patients/<int:referral_id>/move", referrals.move, name="patient-move"),
    path("patients/<int:referral_id>/note", referrals.note, name="patient-note"),
    path("patients/<int:referral_id>/age", referrals.age, name="patient-age"),
    path("patients/<int:referral_id>/first-contact", referrals.first_contact, name="patient-first-contact"),
    *ADDRESSES,
]

handler403 = problems.not_allowed
handler404 = problems.not_found
handler500 = problems.broken
