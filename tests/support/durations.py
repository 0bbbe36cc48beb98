"""Which tests take longer than a second, and the order of tests that follows from it."""

from collections import defaultdict

import pytest

from tests.support.commands import ROOT

# Of each file under tests/ the tests and fixtures that take longer than a second, with about how
# many seconds of one core each takes. Of fixtures that are asked for together, the one that all
# tests ask for comes first.
SLOW: dict[str, dict[str, float]] = {
    "benchmarks/test_benchmarks.py": {
        "test_a_floor_is_measured_in_a_process_of_its_own": 2,
        "test_a_library_that_is_not_installed_is_left_out": 2,
        "test_a_child_that_fails_says_at_what": 2,
        "test_a_way_is_tried_in_a_process_of_its_own": 10,
        "test_a_mistake_is_made_and_drawn": 5,
        "test_steps_are_timed_at_each_batch_size": 4,
        "test_switches_switch": 8,
        "test_a_training_is_repeated_with_a_switch": 12,
        "test_a_knob_is_turned": 10,
        "test_denormal_numbers_are_kept_in_all_threads": 4,
        "test_a_tutorial_learns_and_is_understood": 2,
        "test_a_tutorial_that_fails_says_why": 2,
        "test_whoever_asks_for_a_floor_imports_no_framework": 1.5,
    },
    "commands/test_bad_input.py": {
        "test_device_that_is_not_there": 3,
        "test_help_and_bad_flags_of_the_commands_import_no_framework": 3,
    },
    "benchmarks/test_faults.py": {"test_nothing_is_lost": 10},
    "benchmarks/test_alarms.py": {
        "judged": 12,
        "test_no_sound_run_is_accused_and_every_fault_is_found": 10,
    },
    "commands/test_evaluate.py": {"trained": 20},
    "commands/test_export.py": {"exported": 24},
    "commands/test_pictures.py": {
        "test_the_size_does_not_matter": 1.5,
        "test_no_picture_takes_much_memory": 4,
        "test_real_images_come_back_from_larger_canvases": 6,
        "test_damaged_exif_does_not_keep_a_picture_from_being_read": 3,
        "test_compression_hardly_matters": 2,
    },
    "benchmarks/test_fault_inputs.py": {
        "test_damaged_files_are_drawn_or_refused": 4,
        "test_undamaged_files_are_read": 1,
    },
    "commands/test_names.py": {
        "trained": 3,
        "test_results_can_be_read_and_drawn_again": 1.5,
        "test_a_picture_of_an_odd_name_is_drawn": 3,
    },
    "commands/test_foreign.py": {"written": 30},
    "commands/test_profile.py": {"profiled": 3},
    "commands/test_summary.py": {
        "printed": 2,
        "test_an_activation_has_the_same_name_in_both": 3,
        "test_the_graph_can_be_read_back": 4,
    },
    "commands/test_train.py": {
        "test_without_weights_the_command_fails": 1.3,
        "test_the_command_that_was_killed_goes_on": 6,
    },
    "commands/test_tensorboard.py": {
        "test_the_command_imports_no_framework_and_says_what_it_leaves_out": 2,
    },
    "comparison/test_attribution.py": {
        "trained": 2,
        "test_the_command_writes_what_it_prints": 3,
    },
    "comparison/test_children.py": {
        "test_a_childs_processor_time_is_not_that_of_its_launcher": 2,
        "test_a_childs_events_are_utf_8_whatever_standard_output_is": 2,
    },
    "comparison/test_real_data.py": {"test_both_frameworks_learn": 40},
    "comparison/test_jobs.py": {"test_verification_leaves_no_child_behind": 1.2},
    "comparison/test_run.py": {
        "finished": 35,
        "test_repeats_change_the_seed_and_two_give_no_interval": 8,
        "test_a_resumed_comparison_keeps_what_was_measured_beside_whole_runs": 5,
        "test_the_floor_is_measured_anew_before_each_repeat": 10,
        "test_a_floor_that_fails_leaves_the_runs_alone": 8,
        "test_a_child_that_dies_leaves_the_others_alone": 5,
        "test_a_framework_that_is_not_installed_leaves_the_others_alone": 5,
        "test_a_loss_that_is_no_number_is_reported_as_diverged": 3,
        "test_an_interrupted_comparison_keeps_what_is_finished": 5,
        "test_whoever_interrupts_the_floor_keeps_the_runs_before_it": 10,
        "test_two_comparisons_at_once_do_not_meet": 8,
        "test_without_network_and_data_the_digits_are_used_and_named": 4,
        "test_each_implementation_alone": 10,
        "test_help_explains_every_flag": 1.5,
    },
    "comparison/test_verification.py": {
        "sound": 45,
        "test_mutations_are_caught": 30,
        "test_compare_verifies_first_and_goes_on_where_nothing_can_be_compiled": 25,
        "test_a_run_that_cannot_be_traced_fails_verification": 3,
        "test_a_compiler_that_fails_makes_one_run_unavailable": 4,
        "test_each_float_type_is_verified_on_the_device_that_has_it": 4,
        "test_what_is_not_installed_is_unavailable_and_the_others_are_verified": 2,
        "test_a_device_that_is_not_there_leaves_the_run_unavailable": 1.5,
        "test_a_variant_that_ends_the_process_is_accused_alone": 5,
    },
    "comparison/test_workers.py": {
        "test_two_workers_are_verified_trained_and_reported": 25,
    },
    "report/page/test_page.py": {
        "test_the_command_draws_a_page_again": 3,
    },
    "test_documents.py": {"helps": 4, "test_quoted_messages_are_in_the_code": 2},
    "test_terminals.py": {"made": 60},
    "test_contract.py": {
        "test_a_fourth_implementation_trains": 3,
        "test_a_fourth_implementation_evaluates": 2,
        "test_a_fourth_implementation_predicts": 5,
        "test_a_fourth_implementation_is_verified": 5,
        "test_a_fourth_implementation_is_compared": 6,
    },
    "report/page/test_browser.py": {"visit": 15},
    "report/test_colors.py": {"test_no_picture_but_of_runs_is_blue_or_orange": 4},
    "report/test_write.py": {"test_report_files": 4},
    "shared/test_checkpoints.py": {
        "elsewhere": 30,
        "test_the_oracle_goes_on_as_if_nothing_had_happened": 1,
        "test_a_resumed_run_says_so": 2,
    },
    "shared/test_config.py": {"test_invalid_values_are_refused_by_the_flags_name": 3},
    "shared/test_datasets.py": {"test_eight_processes_share_one_download": 6},
    "shared/test_results.py": {
        "test_an_old_result_is_drawn_again": 2,
        "test_any_result_round_trips": 3,
    },
    "study/test_notes.py": {
        "answers": 35,
        "test_checks_notice_a_framework_that_does_something_else": 2,
    },
    "study/test_study.py": {
        "chapters": 7,
        "test_terminal_prints_the_sides_asked_for": 5,
        "test_bad_requests_get_one_sentence": 3,
        "test_page_is_written_where_asked": 7,
        "test_page_is_written_to_build_and_opened": 4,
        "test_a_missing_browser_is_told_in_one_sentence": 3,
        "test_every_mark_opens_its_row": 2,
    },
    "shared/test_help.py": {"test_in_a_terminal": 1},
    "shared/test_sampling.py": {"test_the_command_says_so_and_leaves_nothing_behind": 2},
    "shared/test_registry.py": {
        "test_each_traced_process_has_the_environment_of_its_runs": 3,
    },
    "study/test_browser.py": {"visit": 20},
    "twins/test_compiled.py": {
        "test_an_epoch_is_one_program": 25,
        "test_a_gpu_gets_the_same_kernels_in_every_process": 3,
    },
    "twins/test_devices.py": {
        "test_no_technique_wants_float64_of_a_gpu_that_has_none": 4,
        "test_workers_that_are_spawned_stay_from_epoch_to_epoch": 1.5,
    },
    "twins/test_differences.py": {"keras_says": 17, "torch_says": 18},
    "shared/test_workers.py": {
        "test_none_is_left_when_worker_0_ends": 2,
        "test_one_that_stands_still_is_ended_too": 3,
        "test_none_is_left_when_worker_0_is_killed": 2,
        "test_worker_0_ends_if_it_does_not_notice_that_one_is_killed": 2,
        "test_worker_0_ends_if_it_does_not_notice_that_one_stands_still": 2,
        "test_worker_0_may_notice_first": 3,
        "test_worker_0_is_ended_even_if_it_can_not_act": 10,
        "test_none_is_left_that_can_not_act": 3,
    },
    "twins/test_workers.py": {
        "test_several_workers_learn_what_one_learns": 15,
        "test_shares_that_are_put_together_differently_are_found": 15,
        "test_a_worker_that_does_not_answer_ends_the_training": 30,
        "test_fit_breaks_off_on_several_workers": 15,
    },
    "twins/test_two_machines.py": {"test_two_machines_learn_what_one_learns": 25},
    "twins/test_ledger.py": {"test_every_pinning_test_exists": 2},
    "twins/test_techniques.py": {
        "child": 10,
        "test_the_run_reports_the_epoch_that_it_kept": 1.5,
        "test_schedules_against_those_of_torch_in_a_plain_loop": 8,
    },
}

# What a test takes that is not named above.
QUICK = 0.1
# What one takes that says itself that it is slow.
MARKED = 2


def arrange(items: list[pytest.Item]) -> None:
    """Mark the slow tests, tell which stay together, and bring those that take longest first."""
    units: dict[str, list[pytest.Item]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    for item in items:
        file = item.path.relative_to(ROOT / "tests").as_posix()
        slow = SLOW.get(file, {})
        shared = next((name for name in slow if name in item.fixturenames), None)
        unit, cost = file, QUICK
        if shared:
            # A fixture with parameters is made for each of them.
            given = item.callspec.params if hasattr(item, "callspec") else {}
            # xdist takes nothing for a group that ends with a bracket.
            unit = f"{file}::{shared} {given.get(shared, '')}"
            cost += slow[shared] * (unit not in units)
        elif item.originalname in slow or item.get_closest_marker("slow"):
            unit = item.nodeid
        if unit != file:
            cost += slow.get(item.originalname, 0 if shared else MARKED)
            item.add_marker("slow")
        item.add_marker(pytest.mark.xdist_group(unit))
        units[unit].append(item)
        seconds[unit] += cost
    items[:] = [
        item for unit in sorted(units, key=lambda unit: -seconds[unit]) for item in units[unit]
    ]
