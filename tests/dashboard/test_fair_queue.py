"""Turns and bounds of the shared queue."""

import gc
import weakref

from dashboard.fair_queue import FairQueue, Job


def put(queue, owner, room=100):
    job = Job(owner, lambda: None)
    return job if queue.put(job, room) else None


def order(queue):
    return [job.owner for job in iter(queue.take, None)]


def test_owners_take_turns_however_much_one_asks():
    queue = FairQueue(share=10)
    for owner in "aaaabbc":
        assert put(queue, owner)
    assert order(queue) == list("abcabaa")


def test_an_owner_has_a_share_and_nobody_in_particular_has_none():
    queue = FairQueue(share=2)
    first = put(queue, "a")
    assert put(queue, "a") and put(queue, "a") is None
    assert put(queue, "b")
    assert queue.take() is first
    assert put(queue, "a") is None  # under way counts as well
    first.future.set_result(1)
    assert put(queue, "a")
    assert all(put(queue, None) for _ in range(5))


def test_room_is_for_all_owners_together():
    queue = FairQueue(share=5)
    assert put(queue, "a", 2) and put(queue, "b", 2)
    assert put(queue, "c", 2) is None and put(queue, "c", 3)


def test_a_cancelled_job_leaves_its_place_at_once_and_nothing_of_it_stays():
    class Picture:
        pass

    queue = FairQueue(share=2)
    picture = Picture()
    seen = weakref.ref(picture)
    job = Job("a", lambda picture=picture: picture)
    queue.put(job, 1)
    future = job.future
    del job, picture
    assert future.cancel()
    gc.collect()
    assert seen() is None and queue.take() is None
    assert put(queue, "b", 1)


def test_cancelling_all_tells_all():
    queue = FairQueue(share=2)
    jobs = [put(queue, owner) for owner in "aab"]
    queue.cancel()
    assert all(job.future.cancelled() for job in jobs) and queue.take() is None
