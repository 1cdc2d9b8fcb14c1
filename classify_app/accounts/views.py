"""A user's own pages: login, password, API tokens."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from classify_app.accounts.authentication import UserRequest
from classify_app.accounts.forms import TokenForm
from classify_app.accounts.tokens import create_token, revoke
from classify_app.http.responses import status_of
from classify_app.intake.rate_limits import address_of, limit_logins
from project.refusals import Refusal


class Login(LoginView):
    template_name = "classify_app/login.html"

    def post(self, request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        try:
            limit_logins(address_of(request), request.POST.get("username", ""))
        except Refusal as refusal:
            messages.error(request, str(refusal))
            context = self.get_context_data(form=self.form_class(request))
            page = self.render_to_response(context, status=status_of(refusal))
            page["Retry-After"] = str(refusal.retry_after)
            return page
        return super().post(request, *args, **kwargs)


class PasswordChange(SuccessMessageMixin, PasswordChangeView):
    template_name = "classify_app/password.html"
    success_url = reverse_lazy("account")
    success_message = "Your password has been changed."


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def account(request: UserRequest) -> HttpResponse:
    """List the user's tokens and create new ones. A new token's text is shown once, on this page."""
    form, text = TokenForm(request.POST or None), None
    if form.is_valid():
        _, text = create_token(request.user, **form.cleaned_data)
        form = TokenForm()
    context = {"form": form, "text": text, "tokens": request.user.api_tokens.all()}
    return render(request, "classify_app/account.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def revoke_token(request: UserRequest, id: int) -> HttpResponse:
    token = get_object_or_404(request.user.api_tokens, id=id)
    revoke(request.user.api_tokens.filter(id=id))
    messages.success(request, f"The token {token} has been revoked.")
    return redirect("account")
