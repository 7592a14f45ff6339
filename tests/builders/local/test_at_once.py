"""Ten builds at once on one machine: real buildah, a real registry."""

from pathlib import Path

from support.git import Origin
from support.local_site import LocalSite, busybox, end, pushed, request, until
from support.needs import needs
from support.registry import registry

from bridge.builders.base import Sent
from bridge.model.build import BuildState

BUILDS = 10
FAILS, CANCELLED = 3, 7
SCRIPT = f"""\
case $NUMBER in
  {FAILS}) exit 7;;
  {CANCELLED}) echo begun; exec /bin/busybox sleep 600;;
esac
echo $NUMBER > /made
"""
DOCKERFILE = """\
FROM scratch AS tools
ARG NUMBER
COPY busybox make /bin/
RUN ["/bin/busybox", "sh", "/bin/make"]
FROM scratch
COPY --from=tools /made /made
"""


async def test_builds_at_once_end_each_in_its_own_way_and_an_image_has_one_digest_under_all_its_tags(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    needs("buildah")
    sha = pushed(origin, {"Dockerfile": DOCKERFILE, "busybox": busybox(), "make": SCRIPT})
    with registry(tmp_path / "registry") as images:
        builder = site.builder(engine="buildah", registry=images.address, tls_verify=False)
        for number in range(BUILDS):
            wanted = request(
                origin,
                sha,
                build_id=f"b{number}",
                tags=tuple(f"{word}{number}" for word in ("latest-", "v", "x")),
                parameters={"BUILD_ARG_NUMBER": str(number)},
            )
            assert await builder.trigger(wanted) == Sent(f"b{number}")
        await until(lambda: "begun" in site.text(f"b{CANCELLED}"))
        await builder.cancel(f"b{CANCELLED}")
        ends = {number: await end(builder, f"b{number}") for number in range(BUILDS)}

        states = {number: status.state for number, status in ends.items()}
        good = [number for number in range(BUILDS) if number not in {FAILS, CANCELLED}]
        assert states == {
            **dict.fromkeys(good, BuildState.SUCCEEDED),
            FAILS: BuildState.FAILED,
            CANCELLED: BuildState.CANCELLED,
        }, site.text()
        assert ends[FAILS].detail == "the image build failed with exit code 7"
        found = {
            number: {images.manifest("acme/shop", f"{word}{number}")[0] for word in ("latest-", "v", "x")}
            for number in good
        }
        assert found == {number: {ends[number].digest} for number in good}
        assert len({ends[number].digest for number in good}) == len(good)
        assert len(images.tags("acme/shop")) == 3 * len(good)
