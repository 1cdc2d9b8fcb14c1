"""The site's pages: upload form, results of an upload, history, classification, picture, thumbnail."""

from functools import partial
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from classify_app.accounts.authentication import UserRequest
from classify_app.http.multipart import MULTIPART, missing_file
from classify_app.http.responses import status_of
from classify_app.intake import outbox
from classify_app.intake.rate_limits import limit_uploads
from classify_app.intake.submission import picture_is_stored, rerun, submit
from classify_app.intake.upload_line import upload_line
from classify_app.legacy.synchronous import classify_and_wait
from classify_app.models import visible_to
from classify_app.pages.forms import UploadForm
from classify_app.paging import page_of
from project import contract, env
from project.aws import storage
from project.refusals import Refusal

PAGE_SIZE = 24
REFRESH_SECONDS = 2


@csrf_exempt
async def root(request: HttpRequest) -> HttpResponse:
    """GET: the upload form. POST: the synchronous route."""
    if request.method == "POST":
        return await classify_and_wait(request)
    return await sync_to_async(home)(request)


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    return _home(request, UploadForm())


def _home(request: HttpRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "formats": list(contract.FORMATS),
        "max_upload_bytes": env.web().max_upload_bytes,
        "max_pixels": env.common().max_pixels,
        "max_form_pictures": env.web().max_form_pictures,
    }
    return render(request, "classify_app/home.html", context, status=status)


@require_POST
def upload(request: UserRequest) -> HttpResponse:
    """Submit each of the form's pictures. Refused ones are listed with the reason, the others are classified."""
    if not request.user.is_authenticated:
        return redirect("login")  # which leads to the form afterwards: this address takes POST only
    if request.content_type != MULTIPART:
        raise missing_file(request, "pictures")
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _home(request, form, 422)
    upload_id, pictures = uuid4(), form.cleaned_data["pictures"]
    refusals = _submit_all(pictures, request.user, upload_id)
    for file, refusal in refusals:
        messages.error(request, f"{file.name}: {refusal}")
    if len(refusals) < len(pictures):
        return redirect("upload-results", upload_id)
    response = _home(request, UploadForm(), status_of(refusals[-1][1]))
    if retry_after := max(refusal.retry_after or 0 for _, refusal in refusals):
        response["Retry-After"] = str(retry_after)
    return response


def _submit_all(pictures: list[UploadedFile], user: User, upload_id: UUID) -> list[tuple[UploadedFile, Refusal]]:
    """Submit pictures one after another; return the refused ones. After a temporary refusal the others get the same.

    Each has a turn of its own in the line, so that the uploads of others come between.
    """
    refusals: list[tuple[UploadedFile, Refusal]] = []
    for_now: Refusal | None = None
    with outbox.expecting():
        for file in pictures:
            try:
                if for_now:
                    raise for_now
                with limit_uploads(user.pk):
                    upload_line.run_and_wait(partial(submit, file, user, upload_id))
            except Refusal as refusal:
                refusals.append((file, refusal))
                for_now = refusal if refusal.is_temporary else None
    return refusals


@require_safe
@login_required
def upload_results(request: UserRequest, upload_id: UUID) -> HttpResponse:
    """The results of one upload. The page refreshes until all are finished."""
    pictures = list(visible_to(request.user).filter(upload_id=upload_id).order_by("id"))
    if not pictures:
        raise Http404("There is no such upload.")
    finished = sum(row.finished for row in pictures)
    context = {
        "pictures": pictures,
        "finished": finished,
        "pending": len(pictures) - finished,
        "fallback": next((row for row in pictures if row.fallback), None),
        "refresh_seconds": REFRESH_SECONDS,
    }
    return render(request, "classify_app/upload_results.html", context)


@require_safe
@login_required
def history(request: UserRequest) -> HttpResponse:
    page = page_of(visible_to(request.user), request.GET.get("page", ""), PAGE_SIZE)
    return render(request, "classify_app/history.html", {"page": page})


@require_safe
@login_required
def classification(request: UserRequest, id: UUID) -> HttpResponse:
    row = get_object_or_404(visible_to(request.user), id=id)
    context = {
        "row": row,
        "pending": not row.finished,
        "fallback": row if row.fallback else None,
        "refresh_seconds": REFRESH_SECONDS,
    }
    return render(request, "classify_app/classification.html", context)


@require_POST
@login_required
def classify_again(request: UserRequest, id: UUID) -> HttpResponse:
    """Classify the same picture again. Redirect to the new classification, or back with the reason of the refusal."""
    original = get_object_or_404(visible_to(request.user), id=id)
    try:
        with limit_uploads(request.user.pk):
            return redirect(upload_line.run_and_wait(lambda: rerun(original)))
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect(original)


@require_safe
@login_required
def picture(request: UserRequest, id: UUID) -> HttpResponse:
    """Redirect to a signed URL that downloads the picture, or say that it is gone, which S3 would do in XML."""
    row = get_object_or_404(visible_to(request.user), id=id)
    if not upload_line.run_and_wait(lambda: picture_is_stored(row)):
        raise Refusal("gone", "The picture is no longer in the input bucket, so it can't be downloaded.")
    return redirect(storage.download_url(env.aws().input_bucket, row.input_key))


@require_safe
@login_required
@cache_control(private=True, max_age=86400, immutable=True)
def thumbnail(request: UserRequest, id: UUID) -> HttpResponse:
    row = get_object_or_404(visible_to(request.user).defer(None).only("thumbnail"), id=id)
    if not row.thumbnail:
        raise Http404("This classification has no thumbnail.")
    # If it is opened as a page, the sandbox keeps any content from running.
    policy = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    return HttpResponse(bytes(row.thumbnail), content_type="image/jpeg", headers=policy)
