import pytest

from jeospark.engine.main import make_job, run_job
from jeospark.engine.run import run
from jeospark.engine.plan import make_plan
from jeospark.settings import Settings

def test_smoke(spark, archive, scene, ndvi, expected_ndvi, pixels, tmp_path):
    scenes = [scene(seed) for seed in range(3)]
    for day, each in enumerate(scenes, start=1):
        archive.write(f"i{day}", f"2020-05-0{day}", each)
    archive.save()
    job = make_job(ndvi().to_json(), output=str(tmp_path/"out"), catalog=archive.catalog)
    result = run(make_plan(spark, job), Settings.load())
    print(result)
    got = pixels(tmp_path/"out/r0000c0000/r0000c0000_2020-05.tif")
    want = expected_ndvi(scenes)
    assert abs(got.astype(int)-want).max() <= 1
