from django.contrib import admin
from django.http import HttpResponse
from django.urls import path


def home(request):
    return HttpResponse("Pierhead example: django-site")


urlpatterns = [
    path("", home),
    path("admin/", admin.site.urls),
]
