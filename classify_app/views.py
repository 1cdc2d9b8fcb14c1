"""The site's pages: the form, an upload's results, the history, one classification, its thumbnail."""

from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from classify_app.forms import UploadForm
from classify_app.models import Classification, without_thumbnails
from classify_app.submission import RETRY_AFTER_SECONDS, PictureGone, Unavailable, rerun, status_of, submit
from classify_app.synchronous import classify_and_wait
from project import contract, env
from project.pictures import BadPicture

PAGE_SIZE = 24
REFRESH_SECONDS = 2


@csrf_exempt
async def root(request: HttpRequest) -> HttpResponse:
    """The form for those who read, the synchronous route for those who post."""
    if request.method == "POST":
        return await classify_and_wait(request)
    return await sync_to_async(home)(request)


@require_safe
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
def upload(request: HttpRequest) -> HttpResponse:
    """Take the form's pictures; those that are refused are named with the reason, the others go on."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _home(request, form, 422)
    upload_id, accepted, status = uuid4(), 0, 422
    for file in form.cleaned_data["pictures"]:
        try:
            submit(file, upload_id)
            accepted += 1
        except BadPicture as refusal:
            status = status_of(refusal)
            messages.error(request, f"{file.name}: {refusal}")
        except Unavailable as error:
            status = 503
            messages.error(request, f"{file.name}: {error}")
    if accepted:
        return redirect("upload-results", upload_id)
    response = _home(request, UploadForm(), status)
    if status == 503:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


@require_safe
def upload_results(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """The results of one form, refreshing itself until all of them are there."""
    pictures = list(without_thumbnails().filter(upload_id=upload_id).order_by("id"))
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
def history(request: HttpRequest) -> HttpResponse:
    pages = Paginator(without_thumbnails(), PAGE_SIZE)
    page = pages.get_page(request.GET.get("page"))
    return render(request, "classify_app/history.html", {"page": page})


@require_safe
def classification(request: HttpRequest, id: UUID) -> HttpResponse:
    row = get_object_or_404(without_thumbnails(), id=id)
    context = {
        "row": row,
        "pending": not row.finished,
        "fallback": row if row.fallback else None,
        "refresh_seconds": REFRESH_SECONDS,
    }
    return render(request, "classify_app/classification.html", context)


@require_POST
def classify_again(request: HttpRequest, id: UUID) -> HttpResponse:
    """Go to the page of a new classification of the same picture, or back with the reason why there is none."""
    original = get_object_or_404(without_thumbnails(), id=id)
    try:
        return redirect(rerun(original))
    except (PictureGone, Unavailable) as error:
        messages.error(request, str(error))
        return redirect(original)


@require_safe
@cache_control(private=True, max_age=86400, immutable=True)
def thumbnail(request: HttpRequest, id: UUID) -> HttpResponse:
    row = get_object_or_404(Classification.objects.only("thumbnail"), id=id)
    if not row.thumbnail:
        raise Http404("This classification has no thumbnail.")
    return HttpResponse(bytes(row.thumbnail), content_type="image/jpeg")
