"""URLs of the pages, the account pages and the synchronous routes."""

from django.contrib.auth.views import LogoutView
from django.urls import path, re_path

from classify_app.accounts import views as account
from classify_app.legacy.synchronous import classify_and_wait
from classify_app.pages import views

urlpatterns = [
    path("", views.root, name="home"),
    # With or without the slash: a redirect would break the clients' POST.
    re_path(r"^postApi/image/?$", classify_and_wait, name="synchronous"),
    path("login/", account.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("account/", account.account, name="account"),
    path("account/password/", account.PasswordChange.as_view(), name="password_change"),
    path("account/tokens/<int:id>/revoke/", account.revoke_token, name="revoke-token"),
    path("upload/", views.upload, name="upload"),
    path("upload/<uuid:upload_id>/", views.upload_results, name="upload-results"),
    path("history/", views.history, name="history"),
    path("classifications/<uuid:id>/", views.classification, name="classification"),
    path("classifications/<uuid:id>/picture/", views.picture, name="picture"),
    path("classifications/<uuid:id>/rerun/", views.classify_again, name="rerun"),
    path("classifications/<uuid:id>/thumbnail.jpg", views.thumbnail, name="thumbnail"),
]
